"""How lazy cubes are computed: tiles of a function, blocks in an order that bounds memory, threads, worker processes."""
