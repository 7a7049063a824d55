"""PostgreSQL, Alipay, and their twins in memory."""
