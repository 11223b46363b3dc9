"""Functions that are called at certain times: annotations `topic: cron-function` and `schedule`."""
