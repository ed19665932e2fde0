// Reads an Adaptive Card and says what its makers' own parser makes of it.
const cards = require("adaptivecards/dist/adaptivecards.js");

let text = "";
process.stdin.on("data", (chunk) => (text += chunk));
process.stdin.on("end", () => {
  const context = new cards.SerializationContext();
  const card = new cards.AdaptiveCard();
  card.parse(JSON.parse(text), context);
  const problems = [];
  for (let i = 0; i < context.eventCount; i++) problems.push(context.getEventAt(i).message);
  problems.push(...card.validateProperties().validationEvents.map((event) => event.message));
  process.stdout.write(JSON.stringify({ problems, items: card.getItemCount(), actions: card.getActionCount() }));
});
