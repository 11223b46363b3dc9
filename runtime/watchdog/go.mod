module fwatchdog

go 1.22
