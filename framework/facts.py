"""Which event is taken in where: the closed set, each named once."""

from collections.abc import Callable
from types import MethodType
from typing import Any, Final

from framework.model.events import (
    AccountReported,
    AmendRefused,
    BookChanged,
    BookInvalidated,
    BookReplaced,
    CancelRefused,
    ClockTicked,
    Event,
    ExchangeStatusChanged,
    ExchangeWarned,
    IntentRefused,
    LedgerRead,
    MarketChanged,
    MarketListed,
    MarketSettled,
    ObservationArrived,
    OrderAbsent,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PluginOverran,
    PluginQuarantined,
    QuoteTicked,
    RunStopping,
    StreamLost,
    StreamRestored,
    TradePrinted,
    TradingHalted,
    TradingResumed,
)
from framework.reconciliation import read_ledger, report_account
from framework.state import State

_PLACES: Final[dict[type[Event], Callable[[State, Any], object]]] = {
    LedgerRead: read_ledger,
    ClockTicked: State.tick,
    MarketListed: State.list_market,
    MarketChanged: State.list_market,
    MarketSettled: lambda state, event: state.settle(event.settlement),
    BookReplaced: State.replace_book,
    BookChanged: State.change_book,
    BookInvalidated: State.invalidate_book,
    TradePrinted: State.print_trade,
    QuoteTicked: State.quote,
    OrderAccepted: State.accept,
    OrderRejected: lambda state, event: state.reject(event.client_order_id),
    OrderFilled: lambda state, event: state.fill(event.fill),
    OrderCancelled: State.cancelled,
    OrderUnknown: State.lose_order,
    OrderAbsent: lambda state, event: state.miss_order(event.client_order_id, event.as_of_us),
    CancelRefused: State.refuse_cancel,
    OrderAmended: State.amended,
    AmendRefused: State.refuse_amendment,
    IntentRefused: lambda state, event: state.reject(event.client_order_id),
    AccountReported: report_account,
    ObservationArrived: State.observe,
    StreamLost: State.lose_stream,
    StreamRestored: lambda state, _: state.restore_stream(),
    ExchangeStatusChanged: State.change_status,
    TradingHalted: lambda state, event: state.halt(event.reason),
    TradingResumed: lambda state, _: state.halt(None),
    RunStopping: State.stop,
    ExchangeWarned: lambda _state, _event: None,  # for people to see
    PluginOverran: lambda _state, _event: None,  # the pipeline's business
    PluginQuarantined: lambda _state, _event: None,
}


def places(state: State) -> dict[type[Event], Callable[[Any], object]]:
    """Return where an event of each kind is taken into this state."""
    return {kind: MethodType(place, state) for kind, place in _PLACES.items()}
