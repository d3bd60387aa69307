// The start page: the state of the server, and a box to ask the market. It uses only the public API.
const byId = (id) => document.getElementById(id);
const LIMIT = 50;

function cell(row, text) {
  const td = row.insertCell();
  td.textContent = text;
}

async function showState() {
  try {
    const report = await (await fetch("/health")).json();
    byId("state").textContent = `${report.version} · ${report.status}`;
    byId("parts").replaceChildren(...Object.entries(report.parts).map(([name, part]) => {
      const item = document.createElement("li");
      item.textContent = `${part.ok ? "✓" : "✗"} ${name}: ${part.detail}`;
      return item;
    }));
  } catch {
    byId("state").textContent = "not reachable · 연결할 수 없음";
  }
}

function showProblem(problem, expression) {
  const at = problem.position;
  const pointer = at === undefined ? "" : `\n${expression}\n${" ".repeat(at)}${"^".repeat(problem.length ?? 1)}`;
  const hint = problem.status === 401 ? "\nralph login" : "";
  byId("error").textContent = problem.detail + pointer + hint;
  byId("error").hidden = false;
}

function showAnswer(answer) {
  byId("ribbon").hidden = !answer.simulated;
  byId("summary").textContent =
    `${answer.as_of} · ${answer.total_matches} / ${answer.total_scanned} · ${answer.timing_ms.toFixed(1)} ms · ${answer.workspace}`;
  const body = byId("matches").tBodies[0];
  body.replaceChildren();
  const korean = navigator.language.startsWith("ko");
  for (const match of answer.matches) {
    const row = body.insertRow();
    cell(row, match.symbol);
    cell(row, match.name ?? "");
    cell(row, match.score === null ? "" : match.score.toFixed(1));
    cell(row, match.reasons.map((reason) => (korean ? reason.ko : reason.en)).join(" · "));
  }
  byId("matches").hidden = answer.matches.length === 0;
}

async function ask(event) {
  event.preventDefault();
  byId("error").hidden = true;
  const expression = byId("expression").value;
  const request = { expression, limit: LIMIT };
  if (byId("as-of").value) request.as_of = byId("as-of").value;
  const response = await fetch("/api/v1/screens/run", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
  });
  const answer = await response.json();
  if (response.ok) showAnswer(answer);
  else showProblem(answer, expression);
}

byId("ask").addEventListener("submit", ask);
showState();
setInterval(showState, 5000);
