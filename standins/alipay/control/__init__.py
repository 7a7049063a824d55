"""The control interface below ``/_standin``: tests and the local launcher play Alipay, the buyer and bad luck with it."""
