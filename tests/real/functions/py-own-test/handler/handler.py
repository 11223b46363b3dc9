def handle(req):
    return square(int(req))


def square(number):
    return number * number
