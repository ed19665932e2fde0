import { type FormEvent, useState } from "react";

import { TextField } from "../ui/Field";
import { signIn } from "./session";

export function LoginPage({ onSignedIn }: { onSignedIn: () => void }) {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
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
        <TextField
          label="Token"
          type="password"
          name="token"
          autoComplete="off"
          required
          autoFocus
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
        <button type="submit" className="button button-main justify-center" disabled={busy}>
          Sign in
        </button>
      </form>
    </main>
  );
}
