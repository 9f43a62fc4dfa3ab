// Ollama's own client for JavaScript: what it makes of the server, as one line of JSON.
import { Ollama } from "ollama";

const [host, model, other, ...input] = process.argv.slice(2);
const client = new Ollama({ host });
const names = async (list) => (await list).models.map((entry) => entry.model).sort();
const failure = (promise) =>
  promise.then(
    () => null,
    (error) => ({ name: error.name, status: error.status_code, message: error.message }),
  );

const found = {
  vectors: (await client.embed({ model, input })).embeddings,
  one: (await client.embeddings({ model, prompt: input[0] })).embedding,
  cut: (await client.embed({ model, input, dimensions: 4, truncate: true })).embeddings,
  listed: await names(client.list()),
  shown: (await client.show({ model })).capabilities,
  unknown: await failure(client.embed({ model: "nope", input })),
};

found.steps = [];
for await (const step of await client.pull({ model: other, stream: true })) {
  found.steps.push(step.status);
}
await client.copy({ source: other, destination: "second" });
found.pulled = await names(client.list());
await client.delete({ model: other });
await client.delete({ model: "second" });
found.unknownPull = await failure(
  client.pull({ model: "nope", stream: true }).then(async (steps) => {
    for await (const step of steps) step;
  }),
);

found.loaded = await names(client.ps());
await client.generate({ model, keep_alive: 0 });
found.unloaded = await names(client.ps());

console.log(JSON.stringify(found));
