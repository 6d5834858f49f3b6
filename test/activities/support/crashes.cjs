console.error('no GPU');
process.exit(3);
