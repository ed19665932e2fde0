// Has a server listen on loopback and nowhere else, whatever it asks for, and say on which port.
import net from "node:net";

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  this.once("listening", () => console.error(`port ${this.address().port}`));
  return listen.call(this, { host: "127.0.0.1", port: Number(port) }, ...rest);
};
