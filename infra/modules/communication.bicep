// The ACS resource. Deleting it ends every identity and every call of it.
param name string

@description('Where its data is kept at rest. It cannot be changed.')
param dataLocation string
param tags object
param appPrincipalId string

// There is no narrower built-in role for the data plane.
var communicationServiceOwner = '09976791-48a7-449e-bb21-39d1a415f350'

resource communication 'Microsoft.Communication/communicationServices@2025-09-01' = {
  name: name
  location: 'global'
  tags: tags
  // With it ACS asks an Azure AI services resource for speech, once it has a role there.
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    dataLocation: dataLocation
    disableLocalAuth: true
  }
}

resource appRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: communication
  name: guid(communication.id, appPrincipalId, communicationServiceOwner)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', communicationServiceOwner)
  }
}

output id string = communication.id
output host string = communication.properties.hostName
output immutableId string = communication.properties.immutableResourceId
