"""Refusals: why a transaction is not captured or given back as it was asked for."""

from __future__ import annotations

from payseal.core.errors import Conflict, NotAllowed


class NotRefundable(NotAllowed):
    """Only what was captured can be given back."""

    code, title = "not_refundable", "There is nothing to refund."


class CaptureTooLarge(Conflict):
    """More than was authorized."""

    code, title = "capture_too_large", "The capture is too large."


class RefundTooLarge(Conflict):
    """More than was captured and is neither refunded nor being refunded; `refundable` is that."""

    code, title = "refund_too_large", "The refund is too large."
