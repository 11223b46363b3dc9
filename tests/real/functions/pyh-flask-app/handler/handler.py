from flask import Flask, jsonify, make_response, request

app = Flask(__name__)


@app.get("/items/<int:number>")
def item(number):
    return jsonify(item=number)


@app.post("/form")
def form():
    return ",".join(request.form.getlist("a"))


@app.get("/cookies")
def cookies():
    response = make_response("ok")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


@app.get("/lines")
def lines():
    return (f"{number}\n" for number in range(2))
