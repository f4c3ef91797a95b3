"""STAC in and out: `load_stac`, `save_result` and the lineage between them."""
