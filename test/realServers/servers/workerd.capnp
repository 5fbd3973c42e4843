# A worker with @cloudflare/workers-oauth-provider as workerd runs it.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [
        (name = "worker", esModule = embed "worker.js"),
        (name = "@cloudflare/workers-oauth-provider",
         esModule = embed "../node_modules/@cloudflare/workers-oauth-provider/dist/oauth-provider.js"),
      ],
      bindings = [ (name = "ACCESS_SECONDS", fromEnvironment = "ACCESS_SECONDS") ],
      compatibilityDate = "2026-06-01",
      compatibilityFlags = ["nodejs_compat"],
    )),
  ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ],
);
