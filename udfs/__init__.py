"""The UDFs: one file is one UDF, the very text that a back-end executes."""
