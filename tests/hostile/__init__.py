"""What strangers may send: graphs, addresses, files. Refused with a typed error before anything is touched."""
