"""A simulated burst pair with known truth."""
