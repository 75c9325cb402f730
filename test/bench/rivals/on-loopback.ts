import { Server } from 'node:net';

/** Loaded into a rival that cannot be told which address to listen on (`node --import`): what is measured is nobody else's. */
const listen = Server.prototype.listen as (...words: unknown[]) => Server;
Server.prototype.listen = function onLoopback(this: Server, ...[where, ...rest]: unknown[]): Server {
  if (typeof where !== 'number') return listen.call(this, where, ...rest);
  return listen.call(this, { port: where, host: '127.0.0.1' }, ...rest.filter((each) => typeof each === 'function'));
};
