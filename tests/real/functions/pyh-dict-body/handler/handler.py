def handle(event, context):
    answers = {"/headers": {"headers": {"X-A": "b"}}, "/other": {"a": 1}, "/list": [1, 2]}
    return answers.get(event.path, {"body": {"a": [1, 2]}})
