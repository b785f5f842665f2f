"""A message and a look at who sent it, by the client that openapi-python-client makes."""

import os

from client.api.maxleap import maxleap_user
from client.api.qtalk import qtalk_send_thirdmessage
from client.client import AuthenticatedClient
from client.models import QtalkSendThirdmessageBodyType0, QtalkSendThirdmessageResponse200Type0

app, key = os.environ["APP"], os.environ["KEY"]
client = AuthenticatedClient(os.environ["URL"], token=key, prefix="", auth_header_name="X-ML-APIKey")
client = client.with_headers({"X-ML-AppId": app})
message = QtalkSendThirdmessageBodyType0(
    from_="alice@example.org", to="bob@example.org", message="<message type='chat'><body>hello</body></message>"
)
sent = qtalk_send_thirdmessage.sync(client=client, body=message)
assert isinstance(sent, QtalkSendThirdmessageResponse200Type0) and sent.ret, sent
user = maxleap_user.sync("alice", client=client)
assert user.friends == [] and user.ts >= 0, user
