// CDK's command line asks CloudFormation every five seconds whether it is done. LocalStack is done sooner.
const { setTimeout } = globalThis;
globalThis.setTimeout = Object.assign(
  (callback, ms, ...args) => setTimeout(callback, ms === 5_000 ? 250 : ms, ...args),
  setTimeout,
);
