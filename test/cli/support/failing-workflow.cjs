/** An entity whose every workflow task fails: an error that is no failure of Temporal's fails the task, not the workflow. */
exports.federatedLearningJob = async function () {
  throw new TypeError('Cannot read properties of null');
};

/** An entity that is well. */
exports.dataset = async function () {
  const { condition, defineQuery, setHandler } = require('@temporalio/workflow');
  setHandler(defineQuery('status'), () => ({ exists: true, status: { phase: 'Ready' } }));
  await condition(() => false);
};
