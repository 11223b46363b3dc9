"""Functions that are called by a schedule: the annotations `topic: cron-function` and `schedule`."""
