// Loaded before the notice board (`node --import ./spread.js main.js`): each request of the client goes to another of
// several web servers in turn, as behind a balancer. What belongs to one event stream stays with its server.
//
//   SERVERS="http://127.0.0.1:8091 http://127.0.0.1:8092" BASE_URL=http://127.0.0.1:8090

const { BASE_URL, SERVERS } = process.env;
if (!BASE_URL || !SERVERS) {
  console.error("set BASE_URL and SERVERS");
  process.exit(2);
}
const servers = [BASE_URL, ...SERVERS.split(" ")];
const plain = globalThis.fetch;
let turn = 0;

globalThis.fetch = (address, options) => {
  const text = String(address);
  if (!text.startsWith(BASE_URL) || text.startsWith(`${BASE_URL}/api/realtime`)) return plain(address, options);
  turn += 1;
  return plain(servers[turn % servers.length] + text.slice(BASE_URL.length), options);
};
