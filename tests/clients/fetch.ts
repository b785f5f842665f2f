// A message and a look at who sent it, with the types that openapi-typescript makes.
import createClient from "openapi-fetch";
import type { paths } from "./schema";
const client = createClient<paths>({ baseUrl: process.env.URL });
const { data, error } = await client.POST("/qtalk/send_thirdmessage", { body: { from: "alice@example.org", to: "bob@example.org", message: "<message type='chat'><body>hello</body></message>" } });
if (error || !data || !("ret" in data) || !data.ret) throw new Error(JSON.stringify(error ?? data));
const users = await client.GET("/ctx/{user}", { params: { path: { user: "alice" } }, headers: { "X-ML-AppId": process.env.APP!, "X-ML-APIKey": process.env.KEY! } });
if (!users.data) throw new Error(JSON.stringify(users.error));
console.log(users.data.sessions, users.data.friends);
