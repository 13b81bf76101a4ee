"""Answers and events that many tests share."""

UUID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
DOCUMENT = b'{"id":"r","status":"completed","output_text":"Hello"}'
EVENTS = (
    '{"type":"response.created","response":{"id":"r"}}',
    '{"type":"response.output_text.delta","delta":"Hel"}',
    '{"type":"response.output_text.delta","delta":"lo"}',
    '{"type":"response.completed","response":{"id":"r","status":"completed"}}',
)
