"""Every documented field of what we read, used or not.

A field that stands in neither list is new: it is counted, because it announces a change.
"""

from typing import Final


def _fields(names: str) -> frozenset[str]:
    return frozenset(names.split())


OBJECTS: Final[dict[str, frozenset[str]]] = {
    "market": _fields(
        """
        ticker event_ticker market_type yes_sub_title no_sub_title title subtitle
        exchange_index created_time updated_time open_time close_time
        expected_expiration_time latest_expiration_time expiration_time settlement_ts
        occurrence_datetime settlement_timer_seconds fee_waiver_expiration_time status
        result can_close_early early_close_condition expiration_value
        settlement_value_dollars is_provisional settlement_bounds_type
        settlement_floor_dollars yes_bid_dollars yes_bid_size_fp yes_ask_dollars
        yes_ask_size_fp no_bid_dollars no_ask_dollars last_price_dollars
        previous_yes_bid_dollars previous_yes_ask_dollars previous_price_dollars volume_fp
        volume_24h_fp open_interest_fp notional_value_dollars price_level_structure
        price_ranges strike_type floor_strike cap_strike functional_strike custom_strike
        rules_primary rules_secondary primary_participant_key mve_collection_ticker
        mve_selected_legs liquidity_dollars
        """
    ),
    "event": _fields(
        """
        event_ticker series_ticker title sub_title mutually_exclusive collateral_return_type
        strike_date strike_period markets settlement_sources product_metadata
        fee_type_override fee_multiplier_override last_updated_ts exchange_index category
        available_on_brokers
        """
    ),
    "series": _fields(
        """
        ticker title frequency category categories tags settlement_sources contract_url
        contract_terms_url fee_type fee_multiplier additional_prohibitions product_metadata
        volume_fp last_updated_ts exchange_index
        """
    ),
    "order": _fields(
        """
        order_id user_id client_order_id ticker outcome_side book_side side action type
        status yes_price_dollars no_price_dollars initial_count_fp fill_count_fp
        remaining_count_fp taker_fill_cost_dollars maker_fill_cost_dollars
        taker_fees_dollars maker_fees_dollars created_time last_update_time expiration_time
        self_trade_prevention_type order_group_id cancel_order_on_pause subaccount_number
        exchange_index last_update_reason
        """
    ),
    "fill": _fields(
        """
        fill_id trade_id order_id ticker market_ticker outcome_side book_side side action
        count_fp yes_price_dollars no_price_dollars is_taker fee_cost created_time ts
        subaccount_number exchange_index
        """
    ),
    "position": _fields(
        """
        ticker position_fp market_exposure_dollars total_traded_dollars realized_pnl_dollars
        fees_paid_dollars last_updated_ts exchange_index
        """
    ),
    "settlement": _fields(
        """
        ticker event_ticker market_result yes_count_fp yes_total_cost_dollars no_count_fp
        no_total_cost_dollars revenue value fee_cost settled_time exchange_index
        """
    ),
    "orderbook": _fields("ticker orderbook_fp orderbook"),  # named in a batch
    "balance": _fields(
        """
        balance balance_dollars portfolio_value updated_ts balance_breakdown
        """
    ),
}
"""The objects of REST lists (REST reference pages)."""

FEE_TYPES: Final = _fields(
    """
    quadratic quadratic_with_maker_fees quadratic_with_combo_maker_fees flat
    margin_market_maker_program_fees
    """
)
VALUES: Final[dict[str, dict[str, frozenset[str]]]] = {
    "market": {
        "market_type": _fields("binary scalar"),
        "result": _fields("yes no scalar"),
        "strike_type": _fields(
            """
            greater greater_or_equal less less_or_equal between functional custom structured
            """
        ),
        "settlement_bounds_type": _fields("default floor"),
    },
    "event": {
        "collateral_return_type": _fields("MECNET DIRECNET"),
        "fee_type_override": FEE_TYPES,
    },
    "series": {"fee_type": FEE_TYPES},
    "order": {
        "type": _fields("limit market"),
        "self_trade_prevention_type": _fields("taker_at_cross maker"),
    },
    "settlement": {"market_result": _fields("yes no scalar")},
}
"""What fields may say besides nothing; the statuses are where they are read. Open sets: new words
are counted, and what must not be guessed (an unknown result, say) fails its record elsewhere."""

MESSAGES: Final[dict[str, frozenset[str]]] = {
    "orderbook_snapshot": _fields(
        """
        market_ticker market_id yes_dollars_fp no_dollars_fp
        """
    ),
    "orderbook_delta": _fields(
        """
        market_ticker market_id price_dollars delta_fp side ts ts_ms client_order_id
        subaccount
        """
    ),
    "ticker": _fields(
        """
        market_ticker market_id price_dollars yes_bid_dollars yes_ask_dollars
        yes_bid_size_fp yes_ask_size_fp last_trade_size_fp volume_fp open_interest_fp
        dollar_volume dollar_open_interest ts_ms ts time
        """
    ),
    "trade": _fields(
        """
        trade_id market_ticker yes_price_dollars no_price_dollars count_fp
        taker_outcome_side taker_book_side taker_side is_block_trade ts_ms ts
        """
    ),
    "fill": _fields(
        """
        trade_id order_id client_order_id market_ticker exchange_index is_taker outcome_side
        book_side yes_price_dollars count_fp fee_cost post_position_fp ts_ms subaccount side
        action purchased_side ts
        """
    ),
    "user_order": _fields(
        """
        order_id user_id client_order_id ticker exchange_index status outcome_side book_side
        yes_price_dollars initial_count_fp fill_count_fp remaining_count_fp
        taker_fill_cost_dollars maker_fill_cost_dollars taker_fees_dollars
        maker_fees_dollars order_group_id self_trade_prevention_type created_ts_ms
        last_updated_ts_ms expiration_ts_ms last_update_reason subaccount_number side is_yes
        created_time last_update_time expiration_time
        """
    ),
}
"""The bodies of stream messages (WebSocket pages)."""
