"""The account's orders and fills as they stand, and what they hold and cost.

Every row, its fee accumulator and its place in the books are kept together here; what is
accepted, amended or refused is the order desk's business.
"""

from collections.abc import Iterable
from uuid import NAMESPACE_OID, uuid5

from msgspec.structs import replace

from framework.fees import OrderFees
from framework.matching import Execution
from framework.model.events import TradePrinted
from framework.model.units import E2, E6, Micros, Side, Ticker, complement
from plugins.sandbox.core.accounts import Accounts, reserved_e6
from plugins.sandbox.core.listings import Listing
from plugins.sandbox.core.rows import FillNotice, FillRow, Notice, OrderNotice, OrderRow


class Blotter:
    """Every order of the account, from acceptance to its end."""

    def __init__(self, accounts: Accounts, seed: str) -> None:
        """Start without orders.

        Args:
            accounts: Where fills are booked.
            seed: What ids are made from, so that a repeated session has the same.
        """
        self.orders: dict[str, OrderRow] = {}
        self.fills: list[FillRow] = []
        self.client_ids: set[str] = set()
        """Every client order id ever used: they never become free."""
        self._accounts = accounts
        self._seed = seed
        self._fees: dict[str, OrderFees] = {}
        self._resting: dict[Ticker, dict[str, Listing]] = {}

    def next_id(self) -> str:
        """Return the id of the next order."""
        return self.make_id("order", len(self.orders))

    def make_id(self, kind: str, number: int) -> str:
        """Return an id that looks random and is not."""
        return str(uuid5(NAMESPACE_OID, f"{self._seed} {kind} {number}"))

    # ------------------------------------------------------------------------------- reads

    def resting(self) -> list[OrderRow]:
        """Return the orders that rest, by market and then the oldest first."""
        return [self.orders[order_id] for ids in self._resting.values() for order_id in ids]

    def resting_in(self, ticker: Ticker) -> list[str]:
        """Return the ids of a market's resting orders, the oldest first."""
        return list(self._resting.get(ticker, ()))

    def listing_of(self, row: OrderRow) -> Listing:
        """Return where a resting order rests."""
        return self._resting[row.ticker][row.order_id]

    def signed_e2(self, listing: Listing, subaccount: int = 0) -> E2:
        """Return the net position of a market: positive is YES."""
        return self._accounts.signed_e2(listing.record, subaccount)

    def available_e6(self, shard: int, subaccount: int = 0) -> E6:
        """Return a shard's cash that no resting order holds."""
        held = 0
        for ids in self._resting.values():
            listing = next(iter(ids.values()))
            if listing.record.shard == shard:
                held += self.reserved_e6(listing, self._rows(ids, subaccount), subaccount)
        return self._accounts.cash_of(shard, subaccount) - held

    def held_e6(self, listing: Listing, subaccount: int = 0) -> E6:
        """Return what a market's resting orders hold."""
        ids = self._resting.get(listing.record.ticker, {})
        return self.reserved_e6(listing, self._rows(ids, subaccount), subaccount)

    def held_with_e6(self, listing: Listing, candidate: OrderRow) -> E6:
        """Return what a market's orders would hold with a new or changed one."""
        rows = self._rows(self._resting.get(listing.record.ticker, {}), candidate.subaccount)
        kept = [candidate if row.order_id == candidate.order_id else row for row in rows]
        if candidate not in kept:
            kept.append(candidate)
        return self.reserved_e6(listing, kept, candidate.subaccount)

    def reserved_e6(self, listing: Listing, rows: Iterable[OrderRow], subaccount: int = 0) -> E6:
        """Return what a subaccount's orders of a market hold beside its position."""
        position_e2 = self.signed_e2(listing, subaccount)
        return reserved_e6(listing.record, position_e2, rows, self._accounts.balance_step_e6)

    def _rows(self, ids: Iterable[str], subaccount: int) -> list[OrderRow]:
        rows = (self.orders[order_id] for order_id in ids)
        return [row for row in rows if row.subaccount == subaccount]

    # ------------------------------------------------------------------------------ writes

    def add(self, row: OrderRow) -> None:
        """Take an accepted order in."""
        self.orders[row.order_id] = row
        self._fees[row.order_id] = OrderFees(precision_e6=self._accounts.balance_step_e6)
        if row.client_order_id is not None:
            self.client_ids.add(row.client_order_id)

    def change(self, row: OrderRow) -> None:
        """Take what an order has become."""
        self.orders[row.order_id] = row
        if row.client_order_id is not None:
            self.client_ids.add(row.client_order_id)

    def rest(self, listing: Listing, order_id: str) -> None:
        """Note that an order rests now, the youngest of its market."""
        ids = self._resting.setdefault(listing.record.ticker, {})
        ids.pop(order_id, None)
        ids[order_id] = listing

    def trade(
        self, listing: Listing, execution: Execution, now_us: Micros, *, public: bool
    ) -> list[Notice]:
        """Book one execution: fee, account, order row, and the public trade where it is news."""
        row, market = self.orders[execution.order_id], listing.record
        charge = self._fees[row.order_id].charge(
            execution.price_e4,
            execution.quantity_e2,
            is_taker=execution.is_taker,
            terms=market.fee_terms(now_us),
        )
        fill = self._accounts.book(
            FillRow(
                trade_id=self.make_id("trade", len(self.fills)),
                order_id=row.order_id,
                client_order_id=row.client_order_id,
                ticker=row.ticker,
                side=row.side,
                price_e4=execution.price_e4,
                quantity_e2=execution.quantity_e2,
                fee_e6=charge.net_e6,
                is_taker=execution.is_taker,
                at_us=now_us,
                post_position_e2=0,
                shard=row.shard,
                subaccount=row.subaccount,
            ),
            market,
        )
        self.fills.append(fill)
        self.orders[row.order_id] = _after(row, fill)
        return [*(_publish(listing, fill) if public else ()), FillNotice(fill)]

    def close_if_filled(self, order_id: str) -> OrderRow:
        """Return an order's row, executed if nothing is left of it."""
        row = self.orders[order_id]
        if not row.remaining_e2:
            row = replace(row, status="executed")
            self.orders[order_id] = row
            self._forget(row)
        return row

    def end(self, order_id: str, reason: str | None, now_us: Micros) -> OrderNotice:
        """Mark an order canceled, and take it out of the book if it is still there."""
        row = self.orders[order_id]
        listing = self._resting.get(row.ticker, {}).get(order_id)
        # Between the close and the sweep an order is out of the book but still shown as resting.
        if listing is not None and order_id in listing.matching.resting:
            listing.matching.cancel(order_id)
        row = replace(row, status="canceled", reason=reason, updated_us=now_us)
        self.orders[order_id] = row
        self._forget(row)
        return OrderNotice(row)

    def keep_margin(self, listing: Listing, now_us: Micros) -> list[Notice]:
        """Cancel the newest orders of a market whose position no longer covers them."""
        notices: list[Notice] = []
        market = listing.record
        owners = {self.orders[one].subaccount for one in self._resting.get(market.ticker, ())}
        for owner in sorted(owners):
            while self.available_e6(market.shard, owner) < 0:
                rows = self._rows(self._resting.get(market.ticker, ()), owner)
                if not rows:
                    break
                notices.append(self.end(rows[-1].order_id, "MarginCancel", now_us))
        return notices

    def _forget(self, row: OrderRow) -> None:
        ids = self._resting.get(row.ticker, {})
        ids.pop(row.order_id, None)
        if not ids:
            self._resting.pop(row.ticker, None)
        self._fees.pop(row.order_id, None)


def _publish(listing: Listing, fill: FillRow) -> list[Notice]:
    """Tell everybody of a trade of ours; it shares its id with the fill."""
    yes_e4 = fill.price_e4 if fill.side is Side.YES else complement(fill.price_e4)
    listing.traded(yes_e4, fill.quantity_e2)
    return [
        TradePrinted(
            at_us=fill.at_us,
            ticker=fill.ticker,
            trade_id=fill.trade_id,
            yes_price_e4=yes_e4,
            quantity_e2=fill.quantity_e2,
            taker_side=fill.side if fill.is_taker else fill.side.opposite,
            exchange_us=fill.at_us,
        )
    ]


def _after(row: OrderRow, fill: FillRow) -> OrderRow:
    """Return an order's row after a fill."""
    cost, taker = fill.price_e4 * fill.quantity_e2, fill.is_taker
    return replace(
        row,
        filled_e2=row.filled_e2 + fill.quantity_e2,
        remaining_e2=row.remaining_e2 - fill.quantity_e2,
        taker_cost_e6=row.taker_cost_e6 + (cost if taker else 0),
        maker_cost_e6=row.maker_cost_e6 + (0 if taker else cost),
        taker_fees_e6=row.taker_fees_e6 + (fill.fee_e6 if taker else 0),
        maker_fees_e6=row.maker_fees_e6 + (0 if taker else fill.fee_e6),
        updated_us=fill.at_us,
        reason="Trade",
    )
