/** Puts the routes behind a port. */
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import type { Hono } from "hono";
import { CongError } from "../support/index.ts";

export interface ListenOptions {
  /** Default 8000; 0 takes any free port. */
  readonly port?: number | undefined;
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string | undefined;
}

export interface RunningServer {
  readonly url: string;
  /** Stops listening, ends open connections, and resolves when all are closed. */
  close(): Promise<void>;
}

/** @throws CongError `PORT_IN_USE`, `CANNOT_LISTEN` */
export function listen(app: Hono, options: ListenOptions = {}): Promise<RunningServer> {
  const { port = 8000, host = "127.0.0.1" } = options;
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, port, hostname: host }, (address) => {
      const shown = address.family === "IPv6" ? `[${address.address}]` : address.address;
      resolve({ url: `http://${shown}:${address.port}`, close: () => close(server as Server) });
    }) as Server;
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): CongError {
  const details = { host, port, cause: error };
  if (error.code === "EADDRINUSE") {
    const what = `port ${port} of ${host} is taken`;
    return new CongError("PORT_IN_USE", what, details, "choose another with --port, or 0 for any free one");
  }
  return new CongError(
    "CANNOT_LISTEN",
    `cannot listen on ${host}:${port}: ${error.message}`,
    details,
    "check --host and --port",
  );
}
