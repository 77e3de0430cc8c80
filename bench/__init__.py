"""`make bench`: how fast it is, how small, and how that stays so as it grows."""
