"""A run: one process, its inputs and parameters, one result folder that is there whole or not at all."""
