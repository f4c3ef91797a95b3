"""UDFs: texts that are checked, run chunk by chunk as a back-end does, and planned without being run."""
