"""One HTTP request over one connection: routes, sockets, TLS, and the bytes of HTTP/1.1."""
