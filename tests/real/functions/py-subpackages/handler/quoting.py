def quoted(text):
    return f"<{text}>"
