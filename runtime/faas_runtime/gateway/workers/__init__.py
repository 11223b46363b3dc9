"""Several proxies, each in a process of its own, on one port.

The control process owns everything else: it tells its workers the routes, and they tell it what they
have counted. A worker knows nothing that it could not be told anew, so one that dies is replaced.
"""
