// OpenAI's own client for JavaScript: what it makes of the server, as one line of JSON.
import OpenAI from "openai";

const [url, model, , ...input] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 });
const failure = (promise) =>
  promise.then(
    () => null,
    (error) => ({ name: error.constructor.name, status: error.status, message: error.message }),
  );
const vectors = ({ data }) => data.map((entry) => entry.embedding);
const listed = [];
for await (const entry of client.models.list()) listed.push(entry.id);

const whole = await client.embeddings.create({ model, input });
console.log(
  JSON.stringify({
    vectors: vectors(whole), // Asked for, and decoded, as base64.
    usage: whole.usage,
    floats: vectors(await client.embeddings.create({ model, input, encoding_format: "float" })),
    cut: vectors(await client.embeddings.create({ model, input, dimensions: 4 })),
    listed,
    retrieved: (await client.models.retrieve(model)).object,
    unknown: await failure(client.embeddings.create({ model: "nope", input })),
    empty: await failure(client.embeddings.create({ model, input: [] })),
  }),
);
