"""Several proxies on one port, each in a process of its own.

The control process owns everything else: it sends its workers the routes, and they report their metrics.
A worker holds no state that cannot be sent again, so one that dies is replaced.
"""
