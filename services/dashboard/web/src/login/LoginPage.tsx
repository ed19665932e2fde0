import { type FormEvent, useEffect, useState } from "react";

import { useSearch } from "../router/router";
import { Visible } from "../text/Visible";
import { TextField } from "../ui/Field";
import { problemOfSignIn, providerPath, readSettings, signIn } from "./session";

export function LoginPage({ onSignedIn }: { onSignedIn: () => void }) {
  const [token, setToken] = useState("");
  const search = useSearch();
  const [problem, setProblem] = useState(() => problemOfSignIn(search.get("problem")));
  const [provider, setProvider] = useState<string>();
  useEffect(() => {
    let here = true;
    void readSettings().then((settings) => here && setProvider(settings.provider));
    return () => {
      here = false;
    };
  }, []);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    const outcome = await signIn(token);
    setBusy(false);
    if (outcome === "") {
      setToken("");
      onSignedIn();
    } else {
      setProblem(outcome);
    }
  };

  return (
    <main className="mx-auto mt-16 max-w-md p-4">
      <form onSubmit={(event) => void submit(event)} className="card flex flex-col gap-4 p-6">
        <h1>Sign in to Assent</h1>
        {provider !== undefined && (
          <a href={providerPath(window.location)} className="button button-main justify-center">
            Sign in with <Visible text={provider} />
          </a>
        )}
        <TextField
          label="Token"
          type="password"
          name="token"
          autoComplete="off"
          required
          autoFocus={provider === undefined}
          value={token}
          onChange={(event) => setToken(event.target.value)}
          hint={
            <>
              Your bearer token. With <code>assent dev</code>, each person’s stands in a file below{" "}
              <code>.assent/tokens</code>.
            </>
          }
        />
        {problem !== "" && (
          <p role="alert" className="text-critical">
            {problem}
          </p>
        )}
        <button type="submit" className={`button justify-center ${provider === undefined ? "button-main" : ""}`} disabled={busy}>
          {provider === undefined ? "Sign in" : "Sign in with the token"}
        </button>
      </form>
    </main>
  );
}
