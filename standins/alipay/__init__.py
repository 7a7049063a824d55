"""An Alipay gateway written from the protocol's facts, not from our client: the two meet on the wire only."""
