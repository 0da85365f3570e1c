"""Prints the figures that the seeded world was given, measured in the recordings.

    python benchmarks/measure_recordings.py FOLDER

FOLDER holds the recordings (`btc-15m-books`, `multi-quotes`, `nba-books`, `weather-trades`). Only
figures leave them: spreads, depths, sizes, waits and jumps, as percentiles. Needs the extra
`research`.
"""

import sys
from pathlib import Path

import polars as pl

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def told(name: str, values: pl.Series) -> None:
    """Print a figure's percentiles."""
    known = values.drop_nulls()
    shown = "  ".join(f"p{q * 100:.0f} {known.quantile(q):.0f}" for q in QUANTILES)
    print(f"{name:44} n {len(known):8}  {shown}")


def books(name: str, folder: Path) -> None:
    """Measure a table of levels: how big levels are, how often they change, how much trades."""
    table = pl.concat(pl.read_parquet(file) for file in sorted(folder.glob("l2-*.parquet")))
    first = pl.struct("ticker", "sid", "seq")
    snapshots = table.filter(pl.col("kind") == "snapshot", pl.col("side").is_not_null())
    told(f"{name}: levels a side in a snapshot", snapshots.group_by(first, "side").len()["len"])
    told(f"{name}: size of a level, contracts", snapshots["size_e2"] / 100)
    deltas = table.filter(pl.col("kind") == "delta")
    told(f"{name}: size of a change, contracts", deltas["size_e2"].abs() / 100)
    waits = pl.col("ts_us").diff().over("ticker", "sid") / 1_000
    told(f"{name}: wait between changes, ms", deltas.select(waits).to_series())
    trades = table.filter(pl.col("kind") == "trade")
    if len(trades):
        told(f"{name}: size of a trade, contracts", trades["size_e2"] / 100)
        print(f"{name}: changes per trade {len(deltas) / len(trades):.1f}")
        whole = (trades["size_e2"] % 100 == 0).mean()
        print(f"{name}: trades of whole contracts {whole:.2f}")


def quotes(folder: Path) -> None:
    """Measure polled quotes: spreads by category, in hundredths of a cent."""
    table = pl.read_parquet(folder / "quotes.parquet")
    spread = (pl.col("yes_ask_e4") - pl.col("yes_bid_e4")).alias("spread")
    two_sided = table.filter(pl.col("yes_bid_e4") > 0, pl.col("yes_ask_e4") < 10_000)
    series = pl.col("ticker").cast(pl.String).str.split("-").list.first().alias("series")
    spreads = two_sided.select(spread, series.alias("series"))
    told("multi-quotes: spread, e4", spreads["spread"])
    print(f"multi-quotes: two-sided {len(two_sided) / len(table):.2f}")
    most = spreads.group_by("series").len().sort("len", descending=True).head(8)["series"]
    for name in most:
        told(
            f"multi-quotes: spread of {name}, e4",
            spreads.filter(pl.col("series") == name)["spread"],
        )


def tapes(folder: Path) -> None:
    """Measure a tape of trades: waits, sizes, jumps, and how often a price comes true."""
    trades = (
        pl.read_parquet(folder / "trades.parquet")
        .with_columns(pl.col("ticker").cast(pl.String))
        .sort("ticker", "created_time")
    )
    markets = pl.read_parquet(folder / "markets.parquet").select(
        pl.col("ticker").cast(pl.String), "result", "volume"
    )
    told("weather-trades: size of a trade, contracts", trades["count"])
    waits = pl.col("created_time").diff().over("ticker").dt.total_milliseconds()
    told("weather-trades: wait between trades, ms", trades.select(waits).to_series())
    moves = (pl.col("yes_price").diff().over("ticker")).abs() * 100
    told("weather-trades: move between trades, e4", trades.select(moves).to_series())
    told("weather-trades: volume of a market, contracts", markets["volume"])
    joined = trades.join(markets, on="ticker")
    for low in (85, 90, 95):
        at = joined.filter(pl.col("yes_price").is_between(low, low + 4))
        first = at.group_by("ticker").first()
        won = (first["result"] == "yes").mean()
        print(
            f"weather-trades: first print at {low} to {low + 4}: n {len(first)}, won {won:.3f}, "
            f"paid {first['yes_price'].mean():.1f}"
        )


def main() -> None:
    """Measure every recording that is there."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = Path(sys.argv[1])
    for name in ("nba-books", "btc-15m-books"):
        books(name, root / name)
    quotes(root / "multi-quotes")
    tapes(root / "weather-trades")


if __name__ == "__main__":
    main()
