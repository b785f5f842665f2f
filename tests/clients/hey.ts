// Looks at a user by the client that @hey-api/openapi-ts makes.
import { client } from "./hey/client.gen";
import { maxleapUser, maxleapFriends } from "./hey/sdk.gen";
client.setConfig({ baseUrl: process.env.URL, headers: { "X-ML-AppId": process.env.APP!, "X-ML-APIKey": process.env.KEY! } });
const { data, error } = await maxleapUser({ path: { user: "alice" } });
if (!data) throw new Error(JSON.stringify(error));
const more = await maxleapFriends({ path: { user: "alice" }, query: { detail: "" } });
console.log(data.sessions, more.data);
