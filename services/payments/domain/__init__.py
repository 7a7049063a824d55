"""What is true about money whatever moves it: states, amounts, books, entitlements, bills. Pure."""
