"""What the exchange knows of the account, live and in its archive."""
