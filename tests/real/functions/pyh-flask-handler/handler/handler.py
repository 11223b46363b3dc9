from flask import make_response, request


def handle(req):
    response = make_response(f"{req.decode()} {request.args['who']}", 202)
    response.headers["X-By"] = "flask"
    return response
