"""The founding document's dialect: whole cents, whole contracts, five kinds of message.

What the document does not say has the shape that was recorded in January 2026, while the
exchange still wrote cents.
"""
