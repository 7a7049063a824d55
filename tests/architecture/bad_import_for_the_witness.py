"""What no module may do: connect at import. The test of imports imports this one to see that it would notice."""

import socket

socket.create_connection(("127.0.0.1", 1))
