"""Our own Alipay client, on ``cryptography`` and ``httpx``: signing, order strings, calls, notices, bills."""
