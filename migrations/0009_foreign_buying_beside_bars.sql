-- What foreigners bought on whole markets now stands beside the bars, too: who has stored it already reads it anew.
UPDATE workspaces w
   SET beside_version = beside_version + 1,
       data_version   = data_version + 1
 WHERE EXISTS (SELECT FROM markets k JOIN market_flows_daily r ON r.market_id = k.id WHERE k.workspace_id = w.id);
