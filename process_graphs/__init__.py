"""The process graphs: one JSON file is one openEO user-defined process."""
