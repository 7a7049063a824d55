"""Events and commands over RabbitMQ: handled at least once, in effect exactly once; published iff committed."""
