import json


def handle(event, context):
    return json.dumps([event.query["a"], event.query.getlist("a"), event.query["b"], event.query_string])
