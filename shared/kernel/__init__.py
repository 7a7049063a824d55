"""The words every process speaks: ids, clock, errors, personal values, settings, logs."""
